// Package servertest has what a server of hubs has to do, with the SDKs that people
// have, as checks: for every engine the same.
package servertest
