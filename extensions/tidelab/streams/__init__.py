"""Pictures that come one after another: video files, folders that cameras fill, live sources. One model load, bounded memory."""
