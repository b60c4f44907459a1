"""Finding passages and answering with their source."""
