"""A live source: always its newest frame, counts for each interval of time, the picture with its boxes as a stream, and how it goes."""
