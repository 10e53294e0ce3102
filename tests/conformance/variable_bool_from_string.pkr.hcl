variable "v" {
  type    = bool
  default = "true"
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
