"""What is measured on a film: texture (noise, sharpness, entropy), and the size and place of lesions."""
