variable "v" {
  default = "abc"
  validation {
    condition     = length(var.v) > 1
    error_message = "bad"
  }
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
