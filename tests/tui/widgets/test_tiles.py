

async def test_tiles_without_numbers_stand_line_under_line(stage: Any) -> None:
    tiles = TokenTiles([Tile(letter) for letter in "abcdefgh"])
    async with stage(tiles, (16, 4)) as app:
        assert [line.split() for line in app.lines] == [list("abcd"), list("efgh"), [], []]
        tiles.set_tiles([Tile(letter, 1.0) for letter in "abcdefgh"], 5.0)
        await app.pilot.pause()
        assert [line.split()[:1] for line in app.lines] == [["a"], ["1.0"], ["e"], ["1.0"]]
