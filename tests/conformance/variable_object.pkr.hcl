variable "v" {
  type    = object({ a = string, b = list(number) })
  default = { a = 1, b = ["2"] }
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
