"""What may be published, judged before anything leaves."""
