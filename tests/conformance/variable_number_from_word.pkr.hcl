variable "v" {
  type    = number
  default = "five"
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
