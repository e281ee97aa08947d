// The smallest worker binary: it shows what the module root alone costs at
// start.
package main

import "github.com/outwork-go/outwork"

func main() {
	outwork.Main()
}
