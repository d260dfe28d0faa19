"""It takes 200 MB, and then says that there is no more."""

hoard = [bytes(1_000_000) for _ in range(200)]
raise MemoryError("enough")
