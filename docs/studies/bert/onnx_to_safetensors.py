"""Writes a BERT encoder in ONNX, as packages of sentence encoders have it, in the files of Hugging Face that `import_bert` reads.

pip install onnx safetensors; python onnx_to_safetensors.py MODEL.onnx VOCAB.txt HEADS FOLDER
"""

import json
import pathlib
import shutil
import sys

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

_TABLE = "embeddings.word_embeddings.weight"

model, vocabulary, heads = sys.argv[1:4]
folder = pathlib.Path(sys.argv[4])
graph = onnx.load(model).graph
values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
made_by = {name: node for node in graph.node for name in node.output}
prefix = next(name for name in values if name.endswith(_TABLE)).removesuffix(_TABLE)
tensors = {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
# An export drops the names of kernels; each is multiplied right before its bias is added.
for node in graph.node:
  for bias in node.input:
    if node.op_type == "Add" and bias.startswith(prefix) and bias.endswith(".bias"):
      product = next((made_by[name] for name in node.input if name in made_by), None)
      if product and product.op_type == "MatMul":
        kernel = next(name for name in product.input if name in values)
        tensors[bias.removeprefix(prefix).removesuffix("bias") + "weight"] = values[kernel].T
tensors.pop("embeddings.position_ids", None)
pieces, hidden = tensors[_TABLE].shape
config = {
  "model_type": "bert",
  "architectures": ["BertModel"],
  "hidden_act": "gelu",
  "vocab_size": pieces,
  "hidden_size": hidden,
  "num_hidden_layers": 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith("encoder.layer.")),
  "num_attention_heads": int(heads),
  "intermediate_size": tensors["encoder.layer.0.intermediate.dense.weight"].shape[0],
  "max_position_embeddings": len(tensors["embeddings.position_embeddings.weight"]),
  "type_vocab_size": len(tensors["embeddings.token_type_embeddings.weight"]),
  "layer_norm_eps": 1e-12,
  "position_embedding_type": "absolute",
}
folder.mkdir(parents=True, exist_ok=True)
save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / "model.safetensors")
(folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
shutil.copy(vocabulary, folder / "vocab.txt")
