variable "v" {
  type    = object({ a = string, b = string })
  default = { a = 1 }
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
