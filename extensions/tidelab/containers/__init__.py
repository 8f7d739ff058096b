"""What the containers are called and how they are built from the catalogue: images, bake file, offline bundle."""
