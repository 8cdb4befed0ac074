"""Camera messages that are wrong in every way we could think of, and some that are right.

Everything follows from the seed of the generator: a case can be made again from its number.
"""

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from dice_ros.image_decoding import ENCODINGS

KINDS = (Image, CompressedImage, CameraInfo)
ODD_SIZES = (0, 1, 2, 3, 5, 8, 16, 33, 64, 255, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
ODD_NUMBERS = (0.0, -0.0, 1.0, -1.0, 1e-300, 1e300, -1e300, np.nan, np.inf, -np.inf, 500.0)
ODD_TEXTS = (
    "",
    "rgb8 ",
    "RGB8",
    "jpeg",
    "rgb9",
    "32FC1",
    "é\N{SNOWMAN}",
    "x" * 300,
    "bayer_rggb16",
)
MODELS = ("", "plumb_bob", "rational_polynomial", "equidistant", "x" * 50)
ODD_STAMPS = (
    (0, 0),
    (-1, 0),
    (-(2**31), 0),
    (2**31 - 1, 999_999_999),
    (2**31 - 1, 2**32 - 1),
    (0, 1),
)
MOST_SIDE = 40


class MalformedMessages:
    """Makes cases from a seed.

    Args:
        seed: any whole number.
    """

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self._number = 0

    def any_bytes(self, kind):
        """A serialized message: right, wrong in its fields, or wrong as bytes."""
        choice = self.rng.integers(10)
        if choice == 0:
            return self.rng.bytes(int(self.rng.integers(0, 200)))
        data = serialize_message(self.message(kind))
        if choice < 4:
            data = self.damaged(data)
        return data

    def message(self, kind):
        """A message whose fields may be wrong."""
        makers = {Image: self.image, CompressedImage: self.compressed, CameraInfo: self.info}
        return makers[kind]()

    def image(self):
        """An image whose sizes, step, encoding and data agree or not."""
        message = Image(encoding=self.pick(ENCODINGS))
        self.set_header(message)
        width, height = (int(side) for side in self.rng.integers(1, MOST_SIDE, 2))
        channels = int(self.rng.integers(1, 9))
        message.width, message.height, message.step = width, height, width * channels
        length = message.step * height
        faults = set(self.rng.integers(0, 12, 2).tolist())
        if 0 in faults:
            message.width = self.odd_size()
        if 1 in faults:
            message.height = self.odd_size()
        if 2 in faults:
            message.step = self.odd_size()
        if 3 in faults:
            message.encoding = self.pick(ODD_TEXTS)
        if 4 in faults:
            length = int(self.rng.integers(0, 2 * length + 2))
        if 5 in faults:
            length = 0
        if 6 in faults:
            length = length * 3 // 2
        message.is_bigendian = int(self.rng.integers(0, 256))
        message.data.frombytes(self.rng.bytes(length))
        return message

    def compressed(self):
        """A picture file that is whole, cut off, damaged, lying about its size, or none."""
        message = CompressedImage(format=self.pick(("jpeg", "png", *ODD_TEXTS)))
        self.set_header(message)
        data = self.picture_file()
        fault = self.rng.integers(6)
        if fault == 0:
            data = data[: int(self.rng.integers(0, len(data)))]
        elif fault == 1:
            data = self.damaged(data)
        elif fault == 2:
            data = self.lying(data)
        elif fault == 3:
            data = self.rng.bytes(int(self.rng.integers(0, 300)))
        elif fault == 4:
            data = data + self.rng.bytes(int(self.rng.integers(0, 300)))
        message.data.frombytes(data)
        return message

    def info(self):
        """A calibration with numbers, sizes and models that agree or not."""
        message = CameraInfo(width=640, height=480, distortion_model=self.pick(MODELS))
        self.set_header(message)
        k = np.array([500.0, 0, 320, 0, 500, 240, 0, 0, 1])
        faults = set(self.rng.integers(0, 8, 2).tolist())
        if 0 in faults:
            k[self.rng.integers(0, 9, 3)] = self.rng.choice(ODD_NUMBERS, 3)
        if 1 in faults:
            k[:] = 0
        if 2 in faults:
            message.width, message.height = self.odd_size(), self.odd_size()
        if 3 in faults:
            message.d = self.rng.choice(ODD_NUMBERS, int(self.rng.integers(0, 20))).tolist()
        if 4 in faults:
            roi = message.roi
            roi.x_offset, roi.y_offset = self.odd_size(), self.odd_size()
            roi.width, roi.height = self.odd_size(), self.odd_size()
        if 5 in faults:
            message.binning_x = self.odd_size()
        message.k = k
        return message

    def picture_file(self):
        """A small picture in one of the formats that OpenCV reads."""
        width, height = (int(side) for side in self.rng.integers(1, MOST_SIDE, 2))
        pixels = self.rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        extension = self.pick((".jpg", ".png", ".webp", ".bmp", ".tiff", ".ppm"))
        return cv2.imencode(extension, pixels)[1].tobytes()

    def damaged(self, data):
        """The bytes with some of them changed, cut out, or doubled."""
        if not data:
            return data
        choice = self.rng.integers(3)
        at = int(self.rng.integers(0, len(data)))
        if choice == 0:
            changed = bytearray(data)
            for place in self.rng.integers(0, len(data), int(self.rng.integers(1, 8))):
                changed[place] = int(self.rng.integers(0, 256))
            return bytes(changed)
        if choice == 1:
            return data[:at]
        return data[:at] + data[at : at + 16] * 2 + data[at + 16 :]

    def lying(self, data):
        """The bytes with a large number put somewhere into the head, where sizes are."""
        at = int(self.rng.integers(2, max(3, min(60, len(data)))))
        number = self.pick((b"\xff\xff\xff\xff", b"\x00\x00\x7f\xff", b"\x00\x40\x00\x00"))
        return data[:at] + number + data[at + len(number) :]

    def set_header(self, message):
        """A stamp and a frame, mostly good ones that go on in time."""
        self._number += 1
        stamp = (1_700_000_000 + self._number // 1000, self._number % 1000 * 1_000_000)
        if self.rng.integers(10) == 0:
            stamp = ODD_STAMPS[int(self.rng.integers(len(ODD_STAMPS)))]
        message.header.stamp = Time(sec=stamp[0], nanosec=stamp[1])
        message.header.frame_id = "eye" if self.rng.integers(5) else self.pick(ODD_TEXTS)

    def odd_size(self):
        """A size that is seldom right."""
        return int(ODD_SIZES[int(self.rng.integers(len(ODD_SIZES)))])

    def pick(self, choices):
        """One of several."""
        return choices[int(self.rng.integers(len(choices)))]
