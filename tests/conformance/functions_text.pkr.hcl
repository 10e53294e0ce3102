locals {
  a = title("hello world")
  b = substr("hello", -3, -1)
  c = replace("a.b", ".", "-")
  d = join("-", ["a"], ["b"])
  e = format("%05.2f|%-4s|%q", 3.14159, "x", "y")
  f = indent(2, "a\nb")
  g = strrev("abc")
  h = trimspace(" a ")
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
