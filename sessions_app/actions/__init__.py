"""What a person does that moves several rows or starts work. One function a deed; all doors share them."""
