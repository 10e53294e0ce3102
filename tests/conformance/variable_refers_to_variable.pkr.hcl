variable "a" {
  default = 1
}
variable "v" {
  default = var.a
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
