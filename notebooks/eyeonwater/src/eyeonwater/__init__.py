"""EyeOnWater: which photos of water can be used, and what colour the water is on the Forel-Ule scale."""
