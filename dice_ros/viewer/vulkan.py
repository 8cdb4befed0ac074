"""Whether anything here draws by Vulkan: asked first, because Open3D aborts where nothing does."""

from __future__ import annotations

import ctypes

_LOADER = "libvulkan.so.1"
_INSTANCE_CREATE_INFO = 1
"""VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO (Vulkan specification, VkInstanceCreateInfo)."""


class _InstanceCreateInfo(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int32),
        ("next", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("application", ctypes.c_void_p),
        ("layer_count", ctypes.c_uint32),
        ("layers", ctypes.c_void_p),
        ("extension_count", ctypes.c_uint32),
        ("extensions", ctypes.c_void_p),
    )


def vulkan_problem() -> str:
    """Why nothing can be drawn by Vulkan on this Linux machine; empty if it can."""
    try:
        vulkan = ctypes.CDLL(_LOADER)
    except OSError as error:
        return f"the loader is missing ({error})"
    info, instance = _InstanceCreateInfo(type=_INSTANCE_CREATE_INFO), ctypes.c_void_p()
    code = vulkan.vkCreateInstance(ctypes.byref(info), None, ctypes.byref(instance))
    if code:
        return f"there is no driver (vkCreateInstance: {code})"
    count = ctypes.c_uint32()
    code = vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    vulkan.vkDestroyInstance(instance, None)
    if code or not count.value:
        return f"there is no device (vkEnumeratePhysicalDevices: {code}, {count.value} devices)"
    return ""
