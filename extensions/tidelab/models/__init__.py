"""Model bundles: load, choose, predict. ONNX Runtime alone; TensorFlow never."""
