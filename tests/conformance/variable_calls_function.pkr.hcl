variable "v" {
  default = upper("a")
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
