"""The one training loop: any network, loss and metrics, on Lightning."""
