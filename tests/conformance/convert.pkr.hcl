locals {
  a = convert(["b", "a", "a"], set(string))
  b = convert("1", number)
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
