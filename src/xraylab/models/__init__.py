"""Networks, and the form in which any trained model is stored."""
