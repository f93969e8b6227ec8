package server

import "net/http"

func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	http.NotFound(w, r)
}
