"""Tests of what the images and the Compose stack are made of."""
