variable "v" {
  type = string
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
