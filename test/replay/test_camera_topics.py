import pytest

from dice_ros.errors import InputError
from dice_ros.replay.camera_topics import (
    CAMERA_INFO_TYPE,
    COMPRESSED_TYPE,
    RAW_TYPE,
    choose_cameras,
)
from dice_ros.replay.recording import StoredTopic, Wire


def topics(**kinds):
    types = {"raw": RAW_TYPE, "jpeg": COMPRESSED_TYPE, "info": CAMERA_INFO_TYPE, "text": "a/msg/B"}
    return {
        name: StoredTopic(name, types[kind], Wire.CDR)
        for kind, names in kinds.items()
        for name in names
    }


def test_the_only_camera_writes_to_the_node_s_topics():
    (camera,) = choose_cameras(topics(raw=["/cam/image_raw"], info=["/cam/camera_info"]))
    assert (camera.image, camera.info, camera.prefix) == ("/cam/image_raw", "/cam/camera_info", "")


def test_several_cameras_get_their_own_calibrations_and_prefixes():
    left, right, up = choose_cameras(
        topics(
            raw=["/left/image_raw", "/right/image_raw", "/up/color/image"],
            info=["/left/camera_info", "/up/camera_info"],
        )
    )
    assert (left.info, left.prefix) == ("/left/camera_info", "/left")
    assert (right.info, right.prefix) == ("", "/right")
    assert (up.info, up.prefix) == ("/up/camera_info", "/up/color")


def test_two_images_of_one_namespace_are_told_apart():
    found = choose_cameras(topics(raw=["/cam/image_raw", "/cam/image_rect"]))
    assert [camera.prefix for camera in found] == ["/cam/image_raw", "/cam/image_rect"]


def test_of_raw_and_compressed_images_of_one_camera_the_raw_ones_are_taken():
    both = topics(
        raw=["/cam/image_raw"],
        jpeg=["/cam/image_raw/compressed", "/cam/image_raw/compressedDepth"],
        info=["/cam/camera_info"],
    )
    (camera,) = choose_cameras(both)
    assert camera.image == "/cam/image_raw"
    (chosen,) = choose_cameras(both, ["/cam/image_raw/compressed"])
    assert (chosen.image, chosen.info) == ("/cam/image_raw/compressed", "/cam/camera_info")


def test_a_calibration_named_behind_an_image_belongs_to_it():
    odd = topics(raw=["/a", "/b"], info=["/x", "/y"])
    found = choose_cameras(odd, ["/b", "/x", "/a", "/y"])
    assert [(camera.image, camera.info) for camera in found] == [("/b", "/x"), ("/a", "/y")]


def test_patterns_choose_several():
    found = choose_cameras(topics(raw=["/l/image", "/r/image", "/up/image"]), ["/[lr]/*"])
    assert [camera.image for camera in found] == ["/l/image", "/r/image"]


def test_what_is_not_there_is_listed():
    with pytest.raises(InputError, match=r"'/nose'.*/cam/image_raw"):
        choose_cameras(topics(raw=["/cam/image_raw"]), ["/nose"])
    with pytest.raises(InputError, match=r"no images.*/chat \(a/msg/B\)"):
        choose_cameras(topics(text=["/chat"]))
