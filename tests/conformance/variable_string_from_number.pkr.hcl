variable "v" {
  type    = string
  default = 1.50
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
