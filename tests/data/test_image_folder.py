import numpy as np
import pytest

import tfcompress
from tests.models import image_files
from tfcompress.data.batches import batches
from tfcompress.data.tensor_spec import TensorSpec

GRAY = TensorSpec("image", (None, 8, 8, 1), "float32")
COLOUR = TensorSpec("image", (None, 8, 6, 3), "float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return image_files(tmp_path_factory.mktemp("photos"), np.random.default_rng(0), 12, channels=3)


def pixels(source, spec=COLOUR, **settings):
    return np.concatenate([batch.inputs["image"] for batch in batches(source, [spec], **settings)])


@pytest.mark.parametrize("spec", [GRAY, COLOUR])
def test_the_same_pixels_as_from_the_loader_of_keras(folder, spec):
    import keras

    mode = "grayscale" if spec is GRAY else "rgb"
    dataset = keras.utils.image_dataset_from_directory(
        folder, labels=None, color_mode=mode, image_size=spec.shape[1:3], shuffle=False, verbose=False
    )
    expected = np.concatenate([batch.numpy() for batch in dataset])
    np.testing.assert_array_equal(pixels(tfcompress.images(folder), spec, size=5), expected)
    np.testing.assert_array_equal(pixels(folder, spec), expected)
    np.testing.assert_array_equal(pixels(str(folder), spec), expected)


def test_preprocess_is_called_with_one_image(folder):
    shapes = set()

    def scaled(image):
        shapes.add((image.shape, str(image.dtype)))
        return image / 255

    np.testing.assert_allclose(pixels(tfcompress.images(folder, preprocess=scaled)) * 255, pixels(folder), rtol=1e-6)
    assert shapes == {((8, 6, 3), "float32")}
    larger = tfcompress.images(folder, size=(10, 9), preprocess=lambda image: image[1:-1, :6])
    assert pixels(larger).shape == (12, 8, 6, 3)


def test_an_input_of_whole_numbers_gets_whole_numbers(folder):
    found = pixels(folder, TensorSpec("image", (None, 8, 8, 3), "uint8"))
    assert found.dtype == np.uint8


def test_a_few_of_many_come_from_every_subfolder(folder):
    few = tfcompress.images(folder).spread(4)
    assert {path.parent.name for path in few.paths} == {"cat", "dog"}
    assert len(few) == 4
    assert len(few.spread(100)) == 4


def test_one_image_at_a_time(folder, tmp_path):
    (tmp_path / "a.png").write_bytes(next(folder.rglob("*.png")).read_bytes())
    (tmp_path / "b.jpg").write_bytes(b"no image")
    stream = batches(tmp_path, [COLOUR])
    next(stream)
    with pytest.raises(tfcompress.DataError, match=r"b\.jpg"):
        next(stream)


def test_what_is_wrong_is_told(folder, tmp_path):
    for wrong in (tmp_path, tmp_path / "missing", None, 7):
        with pytest.raises(tfcompress.DataError):
            tfcompress.images(wrong)
    for wrong in ({"size": 3}, {"size": (0, 2)}, {"size": "ab"}, {"preprocess": 3}):
        with pytest.raises(tfcompress.SettingError):
            tfcompress.images(folder, **wrong)
    with pytest.raises(tfcompress.DataError, match=r"size=\(height, width\)"):
        pixels(folder, TensorSpec("image", (None, None, None, 3), "float32"))
    with pytest.raises(tfcompress.DataError, match=r"ZeroDivisionError for .*png"):
        pixels(tfcompress.images(folder, preprocess=lambda image: 1 / 0))
    with pytest.raises(tfcompress.DataError, match="must have the shape"):
        pixels(tfcompress.images(folder, preprocess=lambda image: image[:2]))
    with pytest.raises(tfcompress.DataError, match="one input"):
        list(batches(folder, [COLOUR, TensorSpec("other", (None, 1), "float32")]))


def bitmap(pixels):
    """Return a BMP file, from the last row to the first, of 8 or 24 bits."""
    import struct

    height, width, channels = pixels.shape
    rows = b"".join(row.tobytes().ljust(-(-width * channels // 4) * 4, b"\0") for row in pixels[::-1, :, ::-1])
    palette = b"".join(bytes((level, level, level, 0)) for level in range(256)) if channels == 1 else b""
    start = 54 + len(palette)
    head = struct.pack(
        "<IHHIIiiHHIIiiII", start + len(rows), 0, 0, start, 40, width, height, 1, 8 * channels, 0, 0, 0, 0, 0, 0
    )
    return b"BM" + head + palette + rows


WHITE_GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("stored", [1, 3])
def test_images_of_any_channels_become_what_the_model_takes(channels, stored, tmp_path, rng):
    import tensorflow as tf

    found = rng.integers(0, 256, (4, 5, stored), dtype=np.uint8)
    (tmp_path / "a.bmp").write_bytes(bitmap(found))
    (tmp_path / "b.gif").write_bytes(WHITE_GIF)
    (tmp_path / "c.jpg").write_bytes(tf.io.encode_jpeg(np.full((4, 5, stored), 255, np.uint8)).numpy())
    bmp, gif, jpeg = pixels(tfcompress.images(tmp_path), TensorSpec("image", (None, 4, 5, channels), "float32"))
    assert bmp.shape == gif.shape == jpeg.shape == (4, 5, channels)
    np.testing.assert_allclose(gif, 255, atol=1)
    np.testing.assert_allclose(jpeg, 255, atol=1)
    colours = np.broadcast_to(found, (4, 5, 3)).astype(float)
    wanted = colours @ [[0.2989], [0.587], [0.114]] if channels == 1 else colours
    np.testing.assert_allclose(bmp[..., :3], wanted, atol=1.5)
    if channels == 4:
        np.testing.assert_array_equal(bmp[..., 3], 255)
