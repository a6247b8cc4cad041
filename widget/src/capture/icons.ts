/** Paths for `Icon`, of 24 by 24. */
export const CAMERA = 'M4 8h3.500L9 5.500h6L16.500 8H20v11H4zM12 10a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7z'
export const TORCH = 'M8 4h8v4l-2 3v9h-4v-9L8 8zM8 7.500h8'
export const TURN = 'M5 12a7 7 0 0 1 12-5l2 2M19 5v4h-4M19 12a7 7 0 0 1-12 5l-2-2M5 19v-4h4'
