// Package show is what a person may be shown of what a peer sent and of what
// was sent to it: without escape sequences that a terminal would obey, and
// without credentials.
package show
