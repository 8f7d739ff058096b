"""Your own images, your own classes: nothing but the generated images to try it with."""
