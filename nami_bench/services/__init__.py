"""Other programs that are asked over HTTP: by generators and by metrics."""
