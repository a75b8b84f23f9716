"""Whatever a user calls data: forms, files, folders of images, batches by input name."""
