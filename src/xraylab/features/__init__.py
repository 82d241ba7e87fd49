"""What is measured on a film: texture (noise, sharpness, entropy)."""
