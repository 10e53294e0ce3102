# a
// b
/* c
 d */
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
# end without newline