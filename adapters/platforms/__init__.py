"""The returns platforms: what each says, told as facts; one room a platform, all behind the same port."""
