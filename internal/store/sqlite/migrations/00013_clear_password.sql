-- +goose Up
ALTER TABLE database ADD COLUMN clear_password INTEGER NOT NULL DEFAULT 0;
