"""What is common to every vendor's API: how it is called, the three answers it gives, and fields that nobody promised."""
