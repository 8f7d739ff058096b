"""The model service: who asked, who confirmed, and the champion that every app and report uses."""
