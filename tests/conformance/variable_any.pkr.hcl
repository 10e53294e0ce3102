variable "v" {
  type    = any
  default = { x = [1, "a"] }
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
