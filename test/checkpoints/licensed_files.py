"""Stand-ins of the licensed files: their format and shapes, random numbers."""

import pickle
import pickletools

import numpy as np
import scipy.sparse
from checkpoints.passing_modules import temporary_modules


def python2_chumpy(arrays, selected=()):
    """Pickle (protocol 2) as Python 2 would, with chumpy around some arrays.

    The text ``bs_type`` and all array bytes are old-style strings.
    """
    constant = type("Ch", (), {"__module__": "chumpy.ch", "__qualname__": "Ch"})
    select = type("Select", (), {"__module__": "chumpy.reordering", "__qualname__": "Select"})

    def wrap(array):
        made = constant()
        made.__dict__.update(x=array, _dirty_vars=set(), _itr=None, _depends_on_deps={"a": made})
        return made

    content = {}
    for name, array in arrays.items():
        if name in selected:
            made = select()
            order = np.random.default_rng(5).permutation(array.size)
            flat = np.empty(array.size, array.dtype)
            flat[order] = array.ravel()
            made.__dict__.update(a=wrap(flat), idxs=order, preferred_shape=array.shape)
            content[name] = made
        elif isinstance(array, np.ndarray) and array.dtype.kind == "f":
            content[name] = wrap(array)
        else:
            content[name] = array
    modules = {"chumpy__ch": {"Ch": constant}, "chumpy__reordering": {"Select": select}}
    with temporary_modules(**modules):
        data = pickle.dumps(content, 2)
    old = as_python2(data)
    assert b"_codecs" not in old
    return old


def as_python2(data):
    """Rewrite latin1 calls of Python 3 into the plain byte strings Python 2 had."""
    out = bytearray()
    operations = list(pickletools.genops(data))
    starts = [place for _, _, place in operations] + [len(data)]
    memo_of_encode = memo_of_latin1 = None
    index = 0
    while index < len(operations):
        opcode, argument, place = operations[index]
        names = [op.name for op, _, _ in operations[index : index + 8]]
        is_encode = (opcode.name == "GLOBAL" and argument == "_codecs encode") or (
            opcode.name in ("BINGET", "LONG_BINGET") and argument == memo_of_encode
        )
        if is_encode:
            step = index + 1
            if names[1] in ("BINPUT", "LONG_BINPUT"):
                memo_of_encode = operations[step][1]
                step += 1
            text = operations[step][1]
            step += 1
            if operations[step][0].name.endswith("PUT"):
                step += 1
            latin1 = operations[step]
            step += 1
            if operations[step][0].name.endswith("PUT"):
                memo_of_latin1 = operations[step][1]
                step += 1
            else:
                assert latin1[1] in ("latin1", memo_of_latin1)
            assert operations[step][0].name == "TUPLE2"
            step += 1
            if operations[step][0].name.endswith("PUT"):
                step += 1
            assert operations[step][0].name == "REDUCE"
            raw = text.encode("latin1")
            # Shared objects are fetched again by number, so the numbers must stay taken.
            out += b"T" + len(raw).to_bytes(4, "little") + raw
            index = step + 1
            continue
        out += data[place : starts[index + 1]]
        index += 1
    return (
        bytes(out)
        .replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
        .replace(b"scipy.sparse._csc", b"scipy.sparse.csc")
    )


def flame_arrays(rng):
    regressor = np.zeros((5, 5023))
    regressor[:, rng.integers(0, 5023, 40)] = rng.random((5, 40))
    return {
        "v_template": rng.normal(size=(5023, 3)),
        "shapedirs": rng.normal(size=(5023, 3, 400)),
        "posedirs": rng.normal(size=(5023, 3, 36)),
        "J_regressor": scipy.sparse.csc_matrix(regressor),
        "weights": rng.random((5023, 5)),
        "f": rng.integers(0, 5023, (9976, 3)).astype(np.uint32),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], range(5)], np.uint32),
        "bs_type": "lrotmin",
    }


def mano_arrays(rng):
    tree = [[2**32 - 1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14], range(16)]
    return {
        "v_template": rng.normal(size=(778, 3)),
        "shapedirs": rng.normal(size=(778, 3, 10)),
        "posedirs": rng.normal(size=(778, 3, 135)),
        "J_regressor": scipy.sparse.csc_matrix(np.round(rng.random((16, 778)))),
        "weights": rng.random((778, 16)),
        "f": rng.integers(0, 778, (1538, 3)).astype(np.uint32),
        "kintree_table": np.array(tree, np.int64),
        "hands_components": rng.normal(size=(45, 45)),
        "hands_mean": rng.normal(size=(45,)),
    }


def landmark_arrays(rng):
    return {
        "static_lmk_faces_idx": rng.integers(0, 9976, 51).astype(np.uint32),
        "static_lmk_bary_coords": rng.random((51, 3)),
        "dynamic_lmk_faces_idx": rng.integers(0, 9976, (79, 17)),
        "dynamic_lmk_bary_coords": rng.random((79, 17, 3)),
        "full_lmk_faces_idx": rng.integers(0, 9976, (1, 68)),
        "full_lmk_bary_coords": rng.random((1, 68, 3)),
    }
