"""How a network is run: eager, compiled, TensorRT, CPU engines; exact algebra, cache, proof."""
