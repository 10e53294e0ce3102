variable "v" {
  default = env("FORGE_SURELY_NOT_SET")
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
