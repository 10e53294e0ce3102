locals { a = [for x in range(1000000000) : x] }
