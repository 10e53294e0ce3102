variable "v" {
  type    = string
  default = true
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
