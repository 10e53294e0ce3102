variable "v" {
  default = 1
}
variable "v" {
  default = 2
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
