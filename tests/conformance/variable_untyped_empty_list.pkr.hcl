variable "v" {
  default = []
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
