variable "v" {
  type    = number
  default = "5"
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
