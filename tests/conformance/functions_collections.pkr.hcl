locals {
  a = flatten([["a"], [["b"]], []])
  b = merge({ a = 1 }, { b = 2 })
  c = zipmap(["a"], [1])
  d = element(["a", "b"], 3)
  e = setproduct(["a"], [1, 2])
  f = chunklist(["a", "b", "c"], 2)
  g = distinct(["a", "a"])
  h = keys({ b = 1, a = 2 })
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
