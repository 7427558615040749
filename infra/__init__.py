"""Infrastructure: the local AWS and the cloud."""
